// What is secret on both sides, as the other side knows no identity: webhook signatures and the notifications' password.
param unique string
param location string
param tags object
param publicAccess bool

@secure()
@description('Values by name')
param secrets object

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  // checkov:skip=CKV_AZURE_109: by parameter; without a private network every request still needs an Entra token
  // checkov:skip=CKV_AZURE_189: the same; the check cannot read the expression
  name: 'kv-${unique}'
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    networkAcls: { defaultAction: publicAccess ? 'Allow' : 'Deny', bypass: 'AzureServices' }
  }
}

resource registryWebhook 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  // checkov:skip=CKV_AZURE_41: rotated by deployment (docs/how-to/deploy.md); a date would stop the webhooks at night
  parent: vault
  name: 'registry-webhook-secret'
  properties: { value: secrets['registry-webhook-secret'], contentType: 'text/plain' }
}

resource relay 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  // checkov:skip=CKV_AZURE_41: rotated by deployment (docs/how-to/deploy.md); a date would stop the webhooks at night
  parent: vault
  name: 'relay-secret'
  properties: { value: secrets['relay-secret'], contentType: 'text/plain' }
}

resource jobNotification 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  // checkov:skip=CKV_AZURE_41: rotated by deployment (docs/how-to/deploy.md); a date would stop the webhooks at night
  parent: vault
  name: 'job-notification-password'
  properties: { value: secrets['job-notification-password'], contentType: 'text/plain' }
}

resource opsForm 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  // checkov:skip=CKV_AZURE_41: rotated by deployment (docs/how-to/deploy.md); a date would stop the webhooks at night
  parent: vault
  name: 'ops-form-secret'
  properties: { value: secrets['ops-form-secret'], contentType: 'text/plain' }
}

output vault string = vault.name
output vaultId string = vault.id
output uri string = vault.properties.vaultUri
