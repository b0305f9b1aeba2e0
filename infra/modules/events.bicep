// Event Grid: what the lake says (a system topic), and what we say to others (a custom topic).
param name string
param location string
param tags object
param lakeAccount string

resource lake 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: lakeAccount
}

resource systemTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgs-${name}'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' } // it writes the events that could not be delivered
  properties: {
    source: lake.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource topic 'Microsoft.EventGrid/topics@2025-02-15' = {
  // checkov:skip=CKV_AZURE_193: no keys, and only the app's identity may publish
  name: 'evgt-${name}'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    inputSchema: 'EventGridSchema'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

output systemTopic string = systemTopic.name
output systemTopicId string = systemTopic.id
output systemTopicPrincipalId string = systemTopic.identity.principalId
output topic string = topic.name
output topicEndpoint string = topic.properties.endpoint
