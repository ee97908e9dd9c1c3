import type { Caller } from '#libs/auth';
import { fail } from '#libs/kernel';

export function operatorClient(caller: Caller): string {
  return caller.kind === 'operator' ? caller.clientId : fail('scope_missing');
}
