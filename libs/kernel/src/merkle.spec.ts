import { createHash } from 'node:crypto';
import { merkleLeaf, merkleProof, merkleRoot, type MerkleStep } from './merkle.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const leaves = (n: number): string[] =>
  Array.from({ length: n }, (_, i) => merkleLeaf(JSON.stringify({ points: i, salt: `s-${i}` })));

/** The root that the steps lead to. */
const rootBy = (leaf: string, steps: readonly MerkleStep[]): string =>
  `sha256:${steps.reduce((own, { side, hash }) => sha256(side === 'left' ? `node:${hash}${own}` : `node:${own}${hash}`), leaf)}`;

it('is a plain hash tree over the sorted leaves', () => {
  const [a, b, c] = [sha256('leaf:{"n":1}'), sha256('leaf:{"n":2}'), sha256('leaf:{"n":3}')].sort() as [
    string,
    string,
    string,
  ];
  const all = [1, 2, 3].map((n) => merkleLeaf(`{"n":${n}}`));
  expect(merkleRoot(all)).toBe(`sha256:${sha256(`node:${sha256(`node:${a}${b}`)}${c}`)}`);
  expect(merkleRoot([...all].reverse())).toBe(merkleRoot(all));
  expect(merkleRoot([])).toBeNull();
});

it.each([1, 2, 3, 5, 8, 13])('proves each of %i leaves and nothing else', (n) => {
  const all = leaves(n);
  const root = merkleRoot(all) ?? '';
  for (const leaf of all) {
    const proof = merkleProof(all, leaf) ?? [];
    expect(rootBy(leaf, proof)).toBe(root);
    expect(rootBy(merkleLeaf('other'), proof)).not.toBe(root);
    expect(merkleRoot(all.filter((other) => other !== leaf))).not.toBe(root);
  }
  expect(merkleProof(all, merkleLeaf('other'))).toBeNull();
});
