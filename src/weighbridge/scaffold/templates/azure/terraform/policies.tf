# The policies of each stage, on its resource group, and those of production on the registry. What they are is written in
# ../policy, from [azure] in weighbridge.toml; ../policy/main.tf brings definitions and initiative to the management group
# before this.

resource "azurerm_resource_group_policy_assignment" "stage" {
  for_each             = local.isolation
  name                 = "${var.prefix}-${each.key}"
  display_name         = "Weighbridge: models that passed both gates (${each.key})"
  resource_group_id    = azurerm_resource_group.stage[each.key].id
  policy_definition_id = var.initiative_id
  enforce              = true
  parameters           = file("${path.module}/../policy/assignments/${each.key}.json")
}

resource "azurerm_resource_group_policy_assignment" "shared" {
  name                 = "${var.prefix}-shared"
  display_name         = "Weighbridge: models that passed both gates (the registry)"
  resource_group_id    = azurerm_resource_group.shared.id
  policy_definition_id = var.initiative_id
  enforce              = true
  parameters           = file("${path.module}/../policy/assignments/production.json")
}
