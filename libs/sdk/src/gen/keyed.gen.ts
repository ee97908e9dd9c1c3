// Generated from docs/openapi.json

/** POST calls that take an Idempotency-Key. */
export const KEYED: ReadonlySet<string> = new Set([
  '/v1/authorizations',
  '/v1/authorizations/{id}/captures',
  '/v1/authorizations/{id}/returns',
  '/v1/authorizations/{id}/void',
  '/v1/grants',
  '/v1/members',
  '/v1/members/{memberRef}/consents',
  '/v1/operator/brands',
  '/v1/operator/brands/{slug}/clients',
  '/v1/operator/brands/{slug}/contracts',
  '/v1/operator/brands/{slug}/contracts/{id}/end',
  '/v1/operator/brands/{slug}/status',
  '/v1/operator/brands/{slug}/stores',
  '/v1/operator/cycles/{cycle}/close',
  '/v1/operator/cycles/{cycle}/confirm',
  '/v1/operator/cycles/{cycle}/cut-off',
  '/v1/operator/cycles/{cycle}/freeze',
  '/v1/operator/earning-rules',
  '/v1/operator/expirations',
  '/v1/orders',
  '/v1/orders/{externalId}/returns',
  '/v1/quotes',
]);
