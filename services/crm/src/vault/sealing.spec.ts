import { randomBytes } from 'node:crypto';
import { parseKeyring, withCurrent } from './keyring.js';
import type { Keyring } from './keyring.js';
import { acceptedHashes, contentHash, currentHash, lockKey, open, seal } from './sealing.js';

const secret = (): string => randomBytes(32).toString('base64');

function ring(text: string): Keyring {
  const parsed = parseKeyring(text, 32, true);
  if ('fault' in parsed) throw new Error(parsed.fault);
  return parsed;
}

const first = secret();
const second = secret();
const one = ring(`1:${first}`);
const both = ring(`1:${first},2:${second}`);
const phone = { kind: 'phone', value: '+8613800138000' } as const;

describe('keyring', () => {
  it('writes with the highest version', () => {
    expect(both.current).toBe(2);
    expect(withCurrent(both, 1).current).toBe(1);
  });

  it.each(['', 'x', '1:', '0:AAAA', `1:${first},1:${second}`, '1:c2hvcnQ='])(
    'refuses %s without showing it',
    (text) => {
      const parsed = parseKeyring(text, 32, true);
      expect(parsed).toHaveProperty('fault');
      if (text.length > 20) expect(JSON.stringify(parsed)).not.toContain(first);
    },
  );
});

describe('sealing', () => {
  it('opens what it sealed, even after a rotation', () => {
    const sealed = seal(one, 'c1', phone.value);
    expect(sealed.bytes.toString('latin1')).not.toContain('138');
    expect(open(both, 'c1', sealed)).toBe(phone.value);
  });

  it('names the version of a lost key, and opens what was sealed with the others', () => {
    const [old, young] = [seal(one, 'c1', phone.value), seal(both, 'c2', phone.value)];
    const left = ring(`2:${second}`);
    const lost: unknown = expect.objectContaining({
      code: 'vault_key_missing',
      details: { detail: 'Version 1 of VAULT_KEYS is missing.' },
    });
    expect(() => open(left, 'c1', old)).toThrow(lost as Error);
    expect(open(left, 'c2', young)).toBe(phone.value);
  });

  it('refuses a ciphertext on another row, and a changed one', () => {
    const sealed = seal(one, 'c1', phone.value);
    expect(() => open(one, 'c2', sealed)).toThrow();
    sealed.bytes[30] = (sealed.bytes[30] ?? 0) ^ 1;
    expect(() => open(one, 'c1', sealed)).toThrow();
  });

  it('never gives the same ciphertext twice', () => {
    expect(seal(one, 'c1', phone.value).bytes).not.toEqual(seal(one, 'c1', phone.value).bytes);
  });
});

describe('index', () => {
  it('finds by every accepted version, the current version first', () => {
    const hashes = acceptedHashes(both, phone);
    expect(hashes.map((h) => h.version)).toEqual([2, 1]);
    expect(hashes[1]).toEqual(currentHash(one, phone));
    expect(hashes[0]).toEqual(currentHash(both, phone));
  });

  it('separates kinds', () => {
    expect(currentHash(one, { kind: 'email', value: phone.value }).hash).not.toEqual(currentHash(one, phone).hash);
  });

  it('has the same lock before and after a new pepper', () => {
    expect(lockKey(both, phone)).toBe(lockKey(one, phone));
  });

  it('hashes a request by key, whatever the order of its members', () => {
    expect(contentHash(both, 1, { a: 1, b: 2 })).toEqual(contentHash(one, 1, { b: 2, a: 1 }));
    expect(contentHash(both, 1, { a: 1 })).not.toEqual(contentHash(both, 2, { a: 1 }));
    expect(contentHash(one, 2, { a: 1 })).toBeNull();
  });
});
