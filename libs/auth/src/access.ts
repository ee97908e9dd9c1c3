import type { Caller } from './caller.js';
import type { BrandScope, OperatorScope } from './scopes.js';

/** Who may use a route. Every route has exactly one of these. */
export type Access =
  | { audience: 'brand'; scope: BrandScope }
  | { audience: 'operator'; scope: OperatorScope }
  | { audience: 'internal' }
  | { audience: 'public' };

/** The verdict on a caller at a route. A public route asks nobody. */
export function allows(access: Access, caller: Caller): boolean {
  switch (access.audience) {
    case 'public':
      return true;
    case 'internal':
      return caller.kind === 'internal';
    case 'brand':
    case 'operator':
      return caller.kind === access.audience && caller.scopes.includes(access.scope);
  }
}
