import { createHash } from 'node:crypto';
import { idFromUuid, newId, randomRef, uuidFromDigest, uuidFromId, uuidv7, uuidv7For } from './ids.js';

describe('ids', () => {
  it('convert from a UUID to a prefixed id and back', () => {
    const uuid = uuidv7();
    const id = idFromUuid('od', uuid);
    expect(id).toMatch(/^od_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(uuidFromId('od', id)).toBe(uuid);
  });

  it('sort like the UUIDs they were made from', () => {
    const ids = Array.from({ length: 500 }, () => newId('qt'));
    expect([...ids].sort()).toEqual(ids);
  });

  it('of a wallet end in its last byte, are distinct, and sort in the order of creation', () => {
    const wallet = uuidv7();
    const ids = Array.from({ length: 500 }, () => uuidv7For(wallet));
    expect(new Set(ids.map((id) => id.slice(-2)))).toEqual(new Set([wallet.slice(-2)]));
    expect(new Set(ids).size).toBe(500);
    expect(ids.map((id) => id.slice(0, 24)).sort()).toEqual(ids.map((id) => id.slice(0, 24)));
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it.each([
    ['another prefix', 'au_01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    ['too short', 'od_01ARZ3NDEKTSV4RRFFQ69G5FA'],
    ['a letter outside the alphabet', 'od_01ARZ3NDEKTSV4RRFFQ69G5FAU'],
    ['more than 128 bits', 'od_ZZZZZZZZZZZZZZZZZZZZZZZZZZ'],
    ['nothing', ''],
  ])('refuse %s', (_, id) => {
    expect(uuidFromId('od', id)).toBeNull();
  });

  it('contain nothing of the time of creation when they are references', () => {
    const refs = new Set(Array.from({ length: 1000 }, () => randomRef('mb').slice(0, 8)));
    expect(refs.size).toBeGreaterThan(990);
  });

  it('from the same digest are the same UUID', () => {
    const digest = createHash('sha256').update('line').digest();
    expect(uuidFromDigest(digest)).toBe(uuidFromDigest(digest));
    expect(uuidFromDigest(digest)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
