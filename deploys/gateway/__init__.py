"""The gateway as data: OpenAPI documents and a policy to Kong's file; checks and differences."""
