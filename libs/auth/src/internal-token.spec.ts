import { SignJWT, base64url, importJWK } from 'jose';
import type { PrivateKey, PublicKey } from '#libs/config';
import { isDomainError } from '#libs/kernel';
import type { Caller } from './caller.js';
import { drawInternalKey, publicPart } from './internal-key.js';
import { internalToken } from './internal-token.js';
import { TokenVerifier } from './token-verifier.js';

const first = drawInternalKey('partners');
const second = drawInternalKey('partners', 2);
const ledger = drawInternalKey('ledger');

function at(service: string, ...keys: PublicKey[]): (token: string) => Promise<Caller | string> {
  const verifier = new TokenVerifier(
    { issuer: 'http://127.0.0.1:9', jwksUrl: 'http://127.0.0.1:9/jwks', internalKeys: { keys } },
    service,
    { has: () => false, ready: () => Promise.resolve() },
  );
  return (token) =>
    verifier.verify(token).catch((error: unknown) => (isDomainError(error) ? error.code : String(error)));
}

const by = (key: PrivateKey, ...to: string[]): Promise<string> => internalToken({ internalSigningKey: key }, to);
const partners: Caller = { kind: 'internal', service: 'partners' };

/** A token as `internalToken` makes it, with one thing wrong. */
async function forged(key: PrivateKey, kid: string, sub: string, typ = 'internal+jwt'): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', typ, kid })
    .setSubject(sub)
    .setAudience('hezong:internal:crm')
    .setExpirationTime('1m')
    .sign(await importJWK({ ...key }, 'ES256'));
}

it('names the caller, and is accepted only by its audience', async () => {
  const crm = at('crm', publicPart(first), publicPart(ledger));
  expect(await crm(await by(first, 'crm'))).toEqual(partners);
  expect(await crm(await by(first, 'membership', 'crm'))).toEqual(partners);
  expect(await crm(await by(ledger, 'crm'))).toEqual({ kind: 'internal', service: 'ledger' });
  expect(await crm(await by(first, 'ledger'))).toBe('token_invalid');
});

it('cannot be created in the name of another service', async () => {
  const crm = at('crm', publicPart(first), publicPart(ledger));
  expect(await crm(await forged(first, 'partners.1', 'partners'))).toEqual(partners);
  expect(await crm(await forged(ledger, 'partners.1', 'partners'))).toBe('token_invalid');
  expect(await crm(await forged(ledger, 'ledger.1', 'partners'))).toBe('token_invalid');
  expect(await crm(await forged(ledger, 'ledger.9', 'ledger'))).toBe('token_invalid');
  expect(await crm(await forged(first, 'partners.1', 'partners', 'at+jwt'))).not.toEqual(partners);
});

it('cannot be created from public values', async () => {
  const header = base64url.encode(JSON.stringify({ alg: 'none', typ: 'internal+jwt', kid: 'partners.1' }));
  const claims = base64url.encode(JSON.stringify({ sub: 'partners', aud: 'hezong:internal:crm', exp: 9_999_999_999 }));
  const crm = at('crm', publicPart(first));
  expect(await crm(`${header}.${claims}.`)).toBe('token_invalid');
  const symmetric = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', typ: 'internal+jwt', kid: 'partners.1' })
    .setSubject('partners')
    .setAudience('hezong:internal:crm')
    .setExpirationTime('1m')
    .sign(new TextEncoder().encode(JSON.stringify(publicPart(first))));
  expect(await crm(symmetric)).toBe('token_invalid');
});

it('is accepted under the old and the new key while a key is changed, then only under the new one', async () => {
  const [old, fresh] = [await by(first, 'crm'), await by(second, 'crm')];
  const verdicts = async (...keys: PublicKey[]): Promise<unknown[]> => {
    const crm = at('crm', ...keys);
    return [await crm(old), await crm(fresh)];
  };
  expect(await verdicts(publicPart(first))).toEqual([partners, 'token_invalid']);
  expect(await verdicts(publicPart(first), publicPart(second))).toEqual([partners, partners]);
  expect(await verdicts(publicPart(second))).toEqual(['token_invalid', partners]);
});
