// Everything that Sluice needs in a subscription, but for Databricks, which you have. Deployed by `azd up`.
targetScope = 'subscription'

@minLength(2)
@maxLength(20)
@description('Name of the environment; part of every name')
param environmentName string

@description('Region; Flex Consumption has to be offered there')
param location string

@allowed(['dev', 'staging', 'prod'])
@description('How much is kept warm, doubled and retained')
param tier string = 'dev'

@description('Address of the Databricks workspace: https://adb-NUMBER.AZ.azuredatabricks.net')
param databricksHost string

@description('Further workspaces that score: NAME=ADDRESS; NAME=ADDRESS')
param scoringWorkspaces string = ''

@description('databricks, or the address of an MLflow server')
param mlflowTrackingUri string = 'databricks'

@description('databricks-uc for Unity Catalog; empty: the tracking server is the registry')
param mlflowRegistryUri string = 'databricks-uc'

@description('Where the jobs find the use cases: the Databricks Asset Bundle puts them there')
param useCasesForJobs string

@description('Who gets the alerts; empty: nobody')
param alertEmail string = ''

@description('Storage, Service Bus and Key Vault by private endpoints only; Service Bus becomes Premium')
param privateNetwork bool = false

@description('Application (client) id that people sign in to the ops page with; empty: the ops page wants a function key only')
param signInClientId string = ''

@secure()
@description('What the MLflow registry signs its webhooks with')
param registryWebhookSecret string

@secure()
@description('What the relay of Unity Catalog signs with')
param relaySecret string

@secure()
@description('Password of the job notifications')
param jobNotificationPassword string

@secure()
@description('What the forms of the ops page are signed with')
param opsFormSecret string

var name = 'sluice-${toLower(environmentName)}'
var unique = uniqueString(subscription().id, environmentName, location)
var tags = { 'azd-env-name': environmentName, application: 'sluice', tier: tier }

var blobZone = 'privatelink.blob.${environment().suffixes.storage}'
var dfsZone = 'privatelink.dfs.${environment().suffixes.storage}'
var tableZone = 'privatelink.table.${environment().suffixes.storage}'
var serviceBusZone = 'privatelink.servicebus.windows.net'
var vaultZone = 'privatelink.vaultcore.azure.net'

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${name}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { name: name, location: location, tags: tags }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: { name: name, location: location, tags: tags }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    unique: unique
    location: location
    tags: tags
    tier: tier
    publicAccess: !privateNetwork
  }
}

module serviceBus 'modules/service-bus.bicep' = {
  name: 'service-bus'
  scope: group
  params: {
    name: '${name}-${unique}'
    location: location
    tags: tags
    publicAccess: !privateNetwork
    zones: tier == 'prod'
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    unique: unique
    location: location
    tags: tags
    publicAccess: !privateNetwork
    secrets: {
      'registry-webhook-secret': registryWebhookSecret
      'relay-secret': relaySecret
      'job-notification-password': jobNotificationPassword
      'ops-form-secret': opsFormSecret
    }
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    retentionDays: tier == 'prod' ? 90 : 30
  }
}

module events 'modules/events.bicep' = {
  name: 'events'
  scope: group
  params: {
    name: '${name}-${unique}'
    location: location
    tags: tags
    lakeAccount: storage.outputs.lakeAccount
  }
}

module access 'modules/access.bicep' = {
  name: 'access'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    eventsPrincipalId: events.outputs.systemTopicPrincipalId
    lakeAccount: storage.outputs.lakeAccount
    stateAccount: storage.outputs.stateAccount
    serviceBus: serviceBus.outputs.namespace
    vault: vault.outputs.vault
    topic: events.outputs.topic
    insights: monitoring.outputs.insights
  }
}

module endpoints 'modules/endpoints.bicep' = if (privateNetwork) {
  name: 'endpoints'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    networkId: privateNetwork ? network!.outputs.networkId : ''
    subnetId: privateNetwork ? network!.outputs.endpointsSubnetId : ''
    zones: [blobZone, dfsZone, tableZone, serviceBusZone, vaultZone]
    targets: [
      { service: 'blob', zone: blobZone, id: storage.outputs.lakeAccountId, of: 'lake' }
      { service: 'dfs', zone: dfsZone, id: storage.outputs.lakeAccountId, of: 'lake' }
      { service: 'blob', zone: blobZone, id: storage.outputs.stateAccountId, of: 'state' }
      { service: 'table', zone: tableZone, id: storage.outputs.stateAccountId, of: 'state' }
      { service: 'namespace', zone: serviceBusZone, id: serviceBus.outputs.namespaceId, of: 'service-bus' }
      { service: 'vault', zone: vaultZone, id: vault.outputs.vaultId, of: 'vault' }
    ]
  }
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  dependsOn: [access]
  params: {
    name: '${name}-${unique}'
    location: location
    tags: tags
    tier: tier
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    subnetId: privateNetwork ? network!.outputs.functionsSubnetId : ''
    lakeAccount: storage.outputs.lakeAccount
    stateAccount: storage.outputs.stateAccount
    packagesContainer: storage.outputs.packagesContainer
    serviceBusNamespace: serviceBus.outputs.fullyQualifiedNamespace
    insightsConnectionString: monitoring.outputs.connectionString
    vaultUri: vault.outputs.uri
    topicEndpoint: events.outputs.topicEndpoint
    databricksHost: databricksHost
    scoringWorkspaces: scoringWorkspaces
    mlflowTrackingUri: mlflowTrackingUri
    mlflowRegistryUri: mlflowRegistryUri
    useCasesForJobs: useCasesForJobs
    signInClientId: signInClientId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    email: alertEmail
    namespaceId: serviceBus.outputs.namespaceId
    insightsId: monitoring.outputs.insightsId
    systemTopicId: events.outputs.systemTopicId
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP string = functionApp.outputs.name
output FUNCTION_APP_URL string = functionApp.outputs.url
output EVENTS_SYSTEM_TOPIC string = events.outputs.systemTopic
output LAKE_ACCOUNT string = storage.outputs.lakeAccount
output KEY_VAULT string = vault.outputs.vault
output IDENTITY_CLIENT_ID string = identity.outputs.clientId
