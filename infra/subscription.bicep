// The event subscription of the landing container. On its own, because Azure refuses one whose function is not deployed.
param systemTopic string
param functionApp string
param lakeAccount string

resource lake 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: lakeAccount
}

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: functionApp
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: systemTopic
}

resource landed 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'landing'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${app.id}/functions/data_arrival'
        maxEventsPerBatch: 1
        preferredBatchSizeInKilobytes: 64
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/landing/'
      enableAdvancedFilteringOnArrays: false
      advancedFilters: [
        // Complete writes only: an upload through the dfs endpoint says CreateFile first, and is whole at its flush.
        {
          operatorType: 'StringIn'
          key: 'data.api'
          values: ['PutBlob', 'PutBlockList', 'CopyBlob', 'FlushWithClose', 'SftpCommit']
        }
      ]
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: lake.id, blobContainerName: 'dead-events' }
      }
    }
  }
}
