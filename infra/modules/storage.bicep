// Two accounts: the lake (hierarchical namespace), and the state: the host's leases, the deployed packages, the ledger.
param unique string
param location string
param tags object
param tier string
param publicAccess bool

var sku = tier == 'prod' ? 'Standard_ZRS' : 'Standard_LRS'
var access = publicAccess ? 'Enabled' : 'Disabled'

resource lake 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  // checkov:skip=CKV_AZURE_35: by parameter; without a private network every request still needs an Entra token
  // checkov:skip=CKV_AZURE_206: by parameter; zone-redundant in production
  // checkov:skip=CKV_AZURE_43: a word and the 13 lower-case characters of uniqueString
  name: 'lake${unique}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    isHnsEnabled: true
    accessTier: 'Hot'
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    publicNetworkAccess: access
    networkAcls: { defaultAction: publicAccess ? 'Allow' : 'Deny', bypass: 'AzureServices' }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: { enabled: true, days: 14 }
      containerDeleteRetentionPolicy: { enabled: true, days: 14 }
    }

    resource landing 'containers' = { name: 'landing' }
    resource tables 'containers' = { name: 'lake' }
    resource deadEvents 'containers' = { name: 'dead-events' }
  }
}

resource state 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  // checkov:skip=CKV_AZURE_35: by parameter; without a private network every request still needs an Entra token
  // checkov:skip=CKV_AZURE_206: by parameter; zone-redundant in production
  // checkov:skip=CKV_AZURE_43: a word and the 13 lower-case characters of uniqueString
  name: 'state${unique}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    publicNetworkAccess: access
    networkAcls: { defaultAction: publicAccess ? 'Allow' : 'Deny', bypass: 'AzureServices' }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: { enabled: true, days: 14 }
      containerDeleteRetentionPolicy: { enabled: true, days: 14 }
    }

    resource packages 'containers' = { name: 'packages' }
  }
}

output lakeAccount string = lake.name
output lakeAccountId string = lake.id
output stateAccount string = state.name
output stateAccountId string = state.id
output packagesContainer string = 'packages'
