import type { ServiceName } from '#libs/config';
import type { Caller } from './caller.js';
import type { BrandScope, OperatorScope } from './scopes.js';

/**
 * Brands that may use a route: only those that may act now; or any, including suspended and closed ones, because the route only shows what
 * the brand owes and is owed, or checks the brand itself where a repeat must get its first answer.
 */
export type OpenTo = 'acting' | 'any';

/** Callers that may use a route. Every route has exactly one of these. */
export type Access =
  | { audience: 'brand'; scope: BrandScope; openTo: OpenTo }
  | { audience: 'operator'; scope: OperatorScope }
  | { audience: 'internal'; callers: readonly ServiceName[] }
  | { audience: 'public' };

/** Decides whether a caller may use a route. A public route needs no caller. */
export function allows(access: Access, caller: Caller): boolean {
  switch (access.audience) {
    case 'public':
      return true;
    case 'internal':
      return caller.kind === 'internal' && access.callers.some((name) => name === caller.service);
    case 'brand':
    case 'operator':
      return caller.kind === access.audience && caller.scopes.includes(access.scope);
  }
}
