"""Files that a team starts from: pipelines with both gates, and a landing in Azure."""
