import { allows } from './access.js';
import type { Access } from './access.js';
import { bearerToken } from './bearer.js';
import type { Caller } from './caller.js';

const brand: Caller = { kind: 'brand', brand: 'aurora', clientId: 'c', scopes: ['orders:read'] };
const operator: Caller = { kind: 'operator', clientId: 'o', scopes: ['operator'] };
const service: Caller = { kind: 'internal', service: 'ledger' };
const imposter: Caller = { kind: 'brand', brand: 'aurora', clientId: 'c', scopes: ['operator'] };

const reads: Access = { audience: 'brand', scope: 'orders:read', openTo: 'acting' };
const writes: Access = { audience: 'brand', scope: 'orders:write', openTo: 'acting' };
const operates: Access = { audience: 'operator', scope: 'operator' };

it.each<[Access, Caller, boolean]>([
  [reads, brand, true],
  [writes, brand, false],
  [reads, operator, false],
  [operates, operator, true],
  [operates, brand, false],
  [operates, imposter, false],
  [operates, service, false],
  [reads, service, false],
  [{ audience: 'internal', callers: ['crm', 'ledger'] }, service, true],
  [{ audience: 'internal', callers: ['partners'] }, service, false],
  [{ audience: 'internal', callers: ['ledger'] }, operator, false],
  [{ audience: 'public' }, brand, true],
])('%j and %j: %s', (access, caller, expected) => expect(allows(access, caller)).toBe(expected));

it.each([
  ['Bearer abc', 'abc'],
  ['bearer abc', 'abc'],
  ['Bearer  abc', 'abc'],
  ['Bearer a b', null],
  ['Bearer', null],
  ['Basic abc', null],
  [undefined, null],
])('reads %j as %j', (header, token) => expect(bearerToken(header)).toBe(token));
