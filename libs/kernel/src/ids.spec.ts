import { createHash } from 'node:crypto';
import { idFromUuid, newId, randomRef, uuidFromDigest, uuidFromId, uuidv7 } from './ids.js';

describe('ids', () => {
  it('turns a UUID into a prefixed id and back', () => {
    const uuid = uuidv7();
    const id = idFromUuid('od', uuid);
    expect(id).toMatch(/^od_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(uuidFromId('od', id)).toBe(uuid);
  });

  it('sorts like the UUIDs it was made from', () => {
    const ids = Array.from({ length: 500 }, () => newId('qt'));
    expect([...ids].sort()).toEqual(ids);
  });

  it.each([
    ['another prefix', 'au_01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    ['too short', 'od_01ARZ3NDEKTSV4RRFFQ69G5FA'],
    ['a letter outside the alphabet', 'od_01ARZ3NDEKTSV4RRFFQ69G5FAU'],
    ['more than 128 bits', 'od_ZZZZZZZZZZZZZZZZZZZZZZZZZZ'],
    ['nothing', ''],
  ])('refuses %s', (_, id) => {
    expect(uuidFromId('od', id)).toBeNull();
  });

  it('gives references that share nothing with the time they were made', () => {
    const refs = new Set(Array.from({ length: 1000 }, () => randomRef('mb').slice(0, 8)));
    expect(refs.size).toBeGreaterThan(990);
  });

  it('makes the same UUID from the same digest', () => {
    const digest = createHash('sha256').update('line').digest();
    expect(uuidFromDigest(digest)).toBe(uuidFromDigest(digest));
    expect(uuidFromDigest(digest)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
