using 'main.bicep'

param location = 'westeurope'
param prefix = 'models'
param subnetId = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/models/subnets/endpoints'
param registryZoneId = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/network/providers/Microsoft.Network/privateDnsZones/privatelink.azurecr.io'
param repository = 'owner@1/repository@1'
param alertEmail = 'models@example.com'
param initiativeId = '/providers/Microsoft.Management/managementGroups/GROUP/providers/Microsoft.Authorization/policySetDefinitions/wb-models'
