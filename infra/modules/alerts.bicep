// What somebody has to hear of: messages and events given up, batches that failed their check or drifted, rows kept
// apart, data that does not come, models that failed their gate, and silence. Each query finds the app's own log lines,
// which a test holds to the code.
param name string
param location string
param tags object
param email string
param namespaceId string
param insightsId string
param systemTopicId string

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'sluice'
    enabled: true
    emailReceivers: [{ name: 'on-call', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${name}-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    description: 'Messages lie in a dead-letter queue: the park functions do not run. See python -m ops parked.'
    severity: 1
    enabled: true
    scopes: [namespaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead letters'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'DeadletteredMessages'
          timeAggregation: 'Maximum'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [{ name: 'EntityName', operator: 'Include', values: ['*'] }]
        }
      ]
    }
    actions: empty(email) ? [] : [{ actionGroupId: people.id }]
  }
}

resource deadEvents 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${name}-dead-events'
  location: 'global'
  tags: tags
  properties: {
    description: 'Arrivals could not be delivered: the container dead-events says why. The sweep finds those files, within data.look_back.'
    severity: 1
    enabled: true
    scopes: [systemTopicId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead events'
          metricNamespace: 'Microsoft.EventGrid/systemTopics'
          metricName: 'DeadLetteredCount'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: empty(email) ? [] : [{ actionGroupId: people.id }]
  }
}

var queries = [
  {
    name: 'parked'
    severity: 1
    text: 'A message was parked: see python -m ops parked, then replay or discard.'
    query: 'traces | where message contains ": parked "'
    frequency: 'PT5M'
    window: 'PT5M'
    operator: 'GreaterThan'
  }
  {
    name: 'quarantined'
    severity: 3
    text: 'A batch failed its check and is in quarantine.'
    query: 'traces | where message contains " quarantined: "'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
  }
  {
    name: 'rows-apart'
    severity: 3
    text: 'Rows failed their check and are kept apart, while the rest of their batch went on.'
    query: 'traces | where message contains " rows kept apart: "'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
  }
  {
    name: 'drift'
    severity: 3
    text: 'A batch drifted beyond a limit that warns or stops.'
    query: 'traces | where message contains "; drift warned: " or message contains "; drift stopped: "'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
  }
  {
    name: 'missing'
    severity: 2
    text: 'Data that a use case expects (data.every) did not come: see python -m ops status.'
    query: 'traces | where message contains "; data is missing, "'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
  }
  {
    name: 'lost-events'
    severity: 2
    text: 'The sweep found files that no event told of: is the event subscription there, and do its deliveries go well?'
    query: 'traces | where message contains " found that no event told of"'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
  }
  {
    name: 'rejected'
    severity: 3
    text: 'A model version was rejected by its gate.'
    query: 'traces | where message contains " rejected: "'
    frequency: 'PT15M'
    window: 'PT15M'
    operator: 'GreaterThan'
  }
  {
    name: 'silence'
    severity: 1
    text: 'The sweep has not run for half an hour: the app is down, or cannot reach what it needs.'
    query: 'requests | where operation_Name == "reconcile" and success == true'
    frequency: 'PT15M'
    window: 'PT30M'
    operator: 'LessThan'
  }
]

resource logged 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for each in queries: {
    name: '${name}-${each.name}'
    location: location
    tags: tags
    properties: {
      description: each.text
      severity: each.severity
      enabled: true
      scopes: [insightsId]
      evaluationFrequency: each.frequency
      windowSize: each.window
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: each.query
            timeAggregation: 'Count'
            operator: each.operator
            threshold: each.operator == 'LessThan' ? 1 : 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: empty(email) ? [] : [people.id] }
    }
  }
]
