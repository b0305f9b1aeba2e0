// A private endpoint for each target, and the private DNS zone that its name is found in.
param name string
param location string
param tags object
param networkId string
param subnetId string

@description('Names of the private DNS zones')
param zones array

@description('Each: service (the sub-resource), zone, id, of (a word for its name)')
param targets array

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for each in zones: {
    name: each
    location: 'global'
    tags: tags
  }
]

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (each, index) in zones: {
    parent: zone[index]
    name: name
    location: 'global'
    properties: { registrationEnabled: false, virtualNetwork: { id: networkId } }
  }
]

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for each in targets: {
    name: 'pe-${name}-${each.of}-${each.service}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetId }
      privateLinkServiceConnections: [
        { name: each.service, properties: { privateLinkServiceId: each.id, groupIds: [each.service] } }
      ]
    }
  }
]

resource named 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (each, index) in targets: {
    parent: endpoint[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        { name: each.service, properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', each.zone) } }
      ]
    }
    dependsOn: [zone]
  }
]
