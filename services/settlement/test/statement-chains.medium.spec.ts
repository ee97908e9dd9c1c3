import { PostingKind } from '#libs/contracts';
import { editedBooks, onlyPoints } from './edits.js';
import { lotTerms, posting, redeemerTerms } from './worked-example.js';

const books = editedBooks(onlyPoints);
const { verification, steps } = books;
const faultsOf = async (cycle?: string): Promise<[string, string][]> =>
  (await verification(cycle)).faults.map(({ kind, id }) => [kind, id]);

it('names a statement that was rewritten together with its hash', async () => {
  await steps('cut-off', 'freeze');
  // another brand's statement under this brand's name: a well-formed hash of the same cycle
  await books.admin
    .query(`update statement a set net = b.net, hash = b.hash, pays_micro = b.pays_micro, receives_micro = b.receives_micro
    from statement b where b.party = 'brand:crest' and a.party = 'brand:aurora'`);
  expect(await faultsOf()).toContainEqual(['statement', 'aurora v1']);
});

it('names a statement that does not follow the one of the month before', async () => {
  await steps('cut-off', 'freeze', 'confirm', 'close');
  books.under.clock.set(new Date('2026-04-30T12:00:00+08:00'));
  await books.under.settle('2026-04');
  expect(await faultsOf('2026-04')).toEqual([]);
  // March is replaced by another month, complete and consistent
  await books.admin.query(
    `update statement set hash = 'sha256:' || repeat('1', 64) where cycle = '2026-03' and party = 'brand:birch'`,
  );
  expect(await faultsOf('2026-04')).toContainEqual(['statement', 'birch v1']);
});

it('puts two cycles that are frozen at the same time in one chain', async () => {
  const usd = { lotId: 'L9', issuer: 'aurora', points: -7n, terms: lotTerms('aurora', { operatorFee: '0' }) };
  await books.under.deliver([
    posting('usd', PostingKind.CAPTURE, 'w-usd', 'liberty', '2026-03-05T10:00:00+08:00', [usd], {
      redeemerTerms: redeemerTerms({ currency: 'USD' }),
    }),
  ]);
  const cycles = ['2026-03', '2026-03-USD'];
  for (const cycle of cycles) await books.under.asOperator('POST', `/v1/operator/cycles/${cycle}/cut-off`);
  const frozen = await Promise.all(
    cycles.map((cycle) => books.under.asOperator('POST', `/v1/operator/cycles/${cycle}/freeze`)),
  );
  expect(frozen.map(({ status }) => status)).toEqual([200, 200]);
  const { rows } = await books.admin.query<{ hash: string; previous_hash: string | null }>(
    `select hash, previous_hash from statement where party = 'brand:aurora' order by seq`,
  );
  expect(rows).toHaveLength(2);
  expect(rows.map((row) => row.previous_hash)).toEqual([null, rows[0]?.hash]);
  for (const cycle of cycles) expect(await faultsOf(cycle)).toEqual([]);
  // and the database refuses a fork
  await books.admin.query('set session_replication_role = origin');
  await expect(
    books.admin
      .query(`insert into statement (cycle, party, version, currency, line_count, points, amount_micro, pays_micro, receives_micro, fees_micro, net, hash)
      values ('2026-03', 'brand:aurora', 2, 'CNY', 0, 0, 0, 0, 0, 0, 0, 'sha256:' || repeat('0', 64))`),
  ).rejects.toMatchObject({ code: '23505' });
  await books.admin.query('set session_replication_role = replica');
});
