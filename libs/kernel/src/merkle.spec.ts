import { createHash } from 'node:crypto';
import { merkleLeaf, merkleProof, merkleRoot, merkleVerifies } from './merkle.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const leaves = (n: number): string[] =>
  Array.from({ length: n }, (_, i) => merkleLeaf(JSON.stringify({ points: i, salt: `s-${i}` })));

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
    expect(merkleVerifies(leaf, proof, root)).toBe(true);
    expect(merkleVerifies(merkleLeaf('other'), proof, root)).toBe(false);
    expect(merkleRoot(all.filter((other) => other !== leaf))).not.toBe(root);
  }
  expect(merkleProof(all, merkleLeaf('other'))).toBeNull();
});
