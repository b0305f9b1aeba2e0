// The namespace, and the queues of queues.json: the file that the local broker reads too.
param name string
param location string
param tags object
param publicAccess bool
param zones bool

var queues = loadJsonContent('../queues.json').queues

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: 'sb-${name}'
  location: location
  tags: tags
  // Duplicate detection needs Standard; private endpoints need Premium.
  sku: publicAccess ? { name: 'Standard', tier: 'Standard' } : { name: 'Premium', tier: 'Premium', capacity: 1 }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    zoneRedundant: zones
  }
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [
  for each in queues: {
    parent: namespace
    name: each.name
    properties: {
      lockDuration: each.lockDuration
      maxDeliveryCount: each.maxDeliveryCount
      requiresDuplicateDetection: each.requiresDuplicateDetection
      duplicateDetectionHistoryTimeWindow: each.duplicateDetectionHistoryTimeWindow
      defaultMessageTimeToLive: each.defaultMessageTimeToLive
      deadLetteringOnMessageExpiration: each.deadLetteringOnMessageExpiration
    }
  }
]

output namespace string = namespace.name
output namespaceId string = namespace.id
output fullyQualifiedNamespace string = '${namespace.name}.servicebus.windows.net'
