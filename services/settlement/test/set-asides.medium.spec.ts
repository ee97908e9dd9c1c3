import { PostingKind } from '#libs/contracts';
import { canonicalJson, namedHash, uuidv7 } from '#libs/kernel';
import { editedBooks } from './edits.js';
import { posting } from './worked-example.js';

const books = editedBooks();
const { verification, named } = books;

const setAside = (id: string, eventId: string) =>
  books.under.asService('POST', `/internal/v1/parked/${id}/set-aside`, {
    by: 'cl_1',
    requestId: 'r1',
    eventId,
    reason: 'ticket 4711',
  });
const row = `insert into parked_record (id, kind, consumer_group, topic, partition, "offset", key, event_id, type, headers, error_code, error_message, attempts,
    set_aside_by, set_aside_reason, set_aside_at)
  overriding system value values (777, 'set_aside', 'settlement.ledger', 't', 0, 0, 'm1', 'e5', 't', '{}', 'c', 'm', 1, 'cl_1', 'ticket 4711', now())`;
afterEach(() => books.admin.query('delete from parked_record'));

it('leaves out none whose call was refused', async () => {
  expect((await setAside('777', 'e5')).status).toBe(404);
  await books.admin.query(row);
  await books.admin.query(`delete from line where posting_id = 'e5'`);
  expect(await named()).toContainEqual(
    expect.stringMatching(/^source reimbursement of points of brand:aurora at brand:crest/),
  );
});

it('asks about none whose id or key is of no posting', async () => {
  await books.admin.query(row.replace(`'m1', 'e5'`, `'', 'hezong.ledger.postings.v1/0/17'`));
  await books.admin.query(
    `update parked_record set kind = 'parked', set_aside_by = null, set_aside_reason = null, set_aside_at = null`,
  );
  expect((await setAside('777', 'hezong.ledger.postings.v1/0/17')).status).toBe(200);
  books.under.neighbours.approved = ['hezong.ledger.postings.v1/0/17'];
  books.under.neighbours.refuses = ({ postings }) =>
    postings?.some(({ postingId }) => !/^[0-9a-f-]{36}$/.test(postingId)) === true;
  expect(await verification()).toMatchObject({ ok: true, compared: true });
  books.under.neighbours.refuses = () => false;
});

it('leaves out none but the one that was set aside', async () => {
  const [wallet, event] = [uuidv7(), uuidv7()];
  await books.under.deliver([
    posting(event, PostingKind.ACCRUAL, wallet, 'aurora', '2026-03-05T10:00:00+08:00', [
      { lotId: 'LX', issuer: 'aurora', points: 100n },
    ]),
  ]);
  await books.remove(`posting_id = '${event}'`);
  expect(await named()).toEqual(['source points of brand:aurora given, PTS: points is 10000, should be 10100']);
  await books.admin.query(row.replace(`'m1', 'e5'`, `'${wallet}', '${event}'`));
  await books.admin.query(
    `update parked_record set kind = 'parked', set_aside_by = null, set_aside_reason = null, set_aside_at = null`,
  );
  expect((await setAside('777', event)).status).toBe(200);
  expect(await named()).toEqual(['source points of brand:aurora given, PTS: points is 10000, should be 10100']);
  books.under.neighbours.approved = [event, 'e5'];
  expect(await named()).toEqual([]);
  await books.admin.query(`update parked_record set event_id = 'e5'`);
  await books.admin.query(`delete from line where posting_id = 'e5'`);
  expect(await named()).toContainEqual(
    expect.stringMatching(/^source reimbursement of points of brand:aurora at brand:crest/),
  );
});

it('leaves out none that one person set aside, or a row that was added to the record', async () => {
  await books.admin.query(row);
  await books.admin.query(`delete from line where posting_id = 'e5'`);
  const payload = { query: {}, body: { eventId: 'e5', reason: 'ticket 4711' } };
  await books.admin.query('set session_replication_role = origin');
  await books.admin.query(
    `insert into operator_audit (client, method, route, path, payload_hash, request_id)
     values ('cl_1', 'POST', 'r', '/v1/operator/parked/settlement/777/set-aside', $1, '')`,
    [namedHash(canonicalJson(payload))],
  );
  await books.admin.query('set session_replication_role = replica');
  expect(await named()).toContainEqual(
    expect.stringMatching(/^source reimbursement of points of brand:aurora at brand:crest/),
  );
});

it('leaves out one whose first answer was lost, once its call was repeated', async () => {
  const [wallet, event] = [uuidv7(), uuidv7()];
  await books.under.deliver([
    posting(event, PostingKind.ACCRUAL, wallet, 'aurora', '2026-03-06T10:00:00+08:00', [
      { lotId: 'LY', issuer: 'aurora', points: 100n },
    ]),
  ]);
  await books.remove(`posting_id = '${event}'`);
  expect((await setAside('777', event)).status).toBe(404);
  await books.admin.query(row.replace(`'m1', 'e5'`, `'${wallet}', '${event}'`));
  books.under.neighbours.approved = [event];
  expect(await named()).toHaveLength(1);
  expect((await setAside('777', event)).status).toBe(200);
  expect(await named()).toEqual([]);
});
