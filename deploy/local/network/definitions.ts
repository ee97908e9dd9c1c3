import type { AnyServiceDefinition } from '#libs/http';
import { crm } from '../../../services/crm/src/index.js';
import { gateway } from '../../../services/gateway/src/index.js';
import { identity } from '../../../services/identity/src/index.js';
import { ledger } from '../../../services/ledger/src/index.js';
import { membership } from '../../../services/membership/src/index.js';
import { partners } from '../../../services/partners/src/index.js';
import { referrals } from '../../../services/referrals/src/index.js';
import { settlement } from '../../../services/settlement/src/index.js';

/** All services of the network in start order: the gateway opens its port when the others are up. */
export const DEFINITIONS: readonly AnyServiceDefinition[] = [
  partners,
  identity,
  crm,
  ledger,
  settlement,
  membership,
  referrals,
  gateway,
];

/**
 * Services that mostly consume the event log. `npm start` runs them in a second thread, so that they have their own core while the others
 * answer callers.
 */
export const FOLLOWERS: ReadonlySet<string> = new Set(['partners', 'settlement', 'membership', 'referrals']);

export function definitionOf(name: string): AnyServiceDefinition {
  const definition = DEFINITIONS.find((one) => one.name === name);
  if (definition === undefined) throw new Error(`there is no service ${name}`);
  return definition;
}
