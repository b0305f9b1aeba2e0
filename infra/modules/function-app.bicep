// The function app, on Flex Consumption, with one identity and no key.
param name string
param location string
param tags object
param tier string
param identityId string
param identityClientId string
param subnetId string
param lakeAccount string
param stateAccount string
param packagesContainer string
param serviceBusNamespace string
param insightsConnectionString string
param vaultUri string
param topicEndpoint string
param databricksHost string
param scoringWorkspaces string
param mlflowTrackingUri string
param mlflowRegistryUri string
param useCasesForJobs string
param signInClientId string

var storageSuffix = environment().suffixes.storage
var signsIn = signInClientId != ''

// Every name is one of the host's or one of Sluice's settings (docs/reference/settings.md).
var settings = {
  AzureWebJobsStorage__accountName: stateAccount
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  AZURE_CLIENT_ID: identityClientId
  LANDING_URL: 'https://${lakeAccount}.blob.${storageSuffix}/landing'
  LANDING_ROOT: 'abfss://landing@${lakeAccount}.dfs.${storageSuffix}'
  LAKE_ROOT: 'abfss://lake@${lakeAccount}.dfs.${storageSuffix}'
  LEDGER: 'https://${stateAccount}.table.${storageSuffix}'
  USE_CASES: 'usecases'
  USE_CASES_FOR_JOBS: useCasesForJobs
  SERVICE_BUS__fullyQualifiedNamespace: serviceBusNamespace
  SERVICE_BUS__credential: 'managedidentity'
  SERVICE_BUS__clientId: identityClientId
  ARRIVALS_QUEUE: 'arrivals'
  TRAININGS_QUEUE: 'trainings'
  JOB_EVENTS_QUEUE: 'job-events'
  REGISTRY_EVENTS_QUEUE: 'registry-events'
  SCORINGS_QUEUE: 'scorings'
  SCORING_PARTS_QUEUE: 'scoring-parts'
  MLFLOW_TRACKING_URI: mlflowTrackingUri
  MLFLOW_REGISTRY_URI: mlflowRegistryUri
  DATABRICKS_HOST: databricksHost
  SCORING_WORKSPACES: scoringWorkspaces
  REGISTRY_WEBHOOK_SECRET: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/registry-webhook-secret)'
  RELAY_SECRET: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/relay-secret)'
  JOB_NOTIFICATION_PASSWORD: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/job-notification-password)'
  OPS_FORM_SECRET: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/ops-form-secret)'
  PLATFORM_AUTHENTICATION: string(signsIn)
  EVENT_GRID_TOPIC: topicEndpoint
  OPS_URL: 'https://func-${name}.azurewebsites.net/api/ops'
  RECONCILE_SCHEDULE: '0 */5 * * * *'
  TELEMETRY: 'azure'
}

// Event Grid waits 30 seconds for an answer, and registries less: in production one instance of each is always ready.
var ready = [
  { name: 'http', instanceCount: 1 }
  { name: 'function:data_arrival', instanceCount: 1 }
]

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  // checkov:skip=CKV_AZURE_225: by parameter; zone-redundant in production
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: {
    reserved: true
    zoneRedundant: tier == 'prod'
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  // checkov:skip=CKV_AZURE_222: webhooks come from outside; each function's protection is in docs/reference/functions.md
  // checkov:skip=CKV_AZURE_17: registries and job notifications have no client certificate; they sign, or use Basic
  // checkov:skip=CKV_AZURE_212: Flex Consumption scales by itself; always-ready instances are in alwaysReady
  name: 'func-${name}'
  location: location
  tags: union(tags, { 'azd-service-name': 'sluice' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: 'https://${stateAccount}.blob.${storageSuffix}/${packagesContainer}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: { instanceMemoryMB: 2048, maximumInstanceCount: 40, alwaysReady: tier == 'prod' ? ready : [] }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      healthCheckPath: '/api/health'
      appSettings: [for each in items(settings): { name: each.key, value: each.value }]
    }
  }

  // Deployment is by identity only.
  resource noFtpPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource noScmPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

// The platform signs people in and says who they are (X-MS-CLIENT-PRINCIPAL); it lets webhooks through, which the app
// itself verifies. Without the platform that header is never believed.
resource signIn 'Microsoft.Web/sites/config@2024-04-01' = if (signsIn) {
  // checkov:skip=CKV_AZURE_66: taken for a web app's configuration; these are the settings of the sign-in alone
  // checkov:skip=CKV_AZURE_63: taken for a web app's configuration; these are the settings of the sign-in alone
  // checkov:skip=CKV_AZURE_222: taken for a web app's configuration; these are the settings of the sign-in alone
  // checkov:skip=CKV_AZURE_80: taken for a web app's configuration; these are the settings of the sign-in alone
  // checkov:skip=CKV_AZURE_13: taken for a web app's configuration; these are the settings of the sign-in alone
  // checkov:skip=CKV_AZURE_88: taken for a web app's configuration; these are the settings of the sign-in alone
  // checkov:skip=CKV_AZURE_65: taken for a web app's configuration; these are the settings of the sign-in alone
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: { requireAuthentication: false, unauthenticatedClientAction: 'AllowAnonymous' }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          openIdIssuer: '${environment().authentication.loginEndpoint}${subscription().tenantId}/v2.0'
          clientId: signInClientId
        }
        validation: { allowedAudiences: ['api://${signInClientId}', signInClientId] }
      }
    }
    login: { tokenStore: { enabled: false } }
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
