/** The caller of a request, as stated by its verified token. */
export type Caller = BrandCaller | OperatorCaller | InternalCaller;

export interface BrandCaller {
  kind: 'brand';
  /** Slug of the brand the client belongs to. */
  brand: string;
  clientId: string;
  scopes: readonly string[];
}

export interface OperatorCaller {
  kind: 'operator';
  clientId: string;
  scopes: readonly string[];
}

export interface InternalCaller {
  kind: 'internal';
  service: string;
}

/** A stable name of the caller, for idempotency records and audit: `client:<id>` or `service:<name>`. */
export function callerName(caller: Caller): string {
  return caller.kind === 'internal' ? `service:${caller.service}` : `client:${caller.clientId}`;
}
