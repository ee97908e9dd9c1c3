import { contribution, crmUnderTest, newPhone } from './crm-under-test.js';
import type { CrmUnderTest } from './crm-under-test.js';

let rig: CrmUnderTest;
beforeAll(async () => {
  rig = await crmUnderTest();
  await rig.brand('aurora');
}, 120_000);
afterAll(() => rig.close(), 60_000);

it('a suspended brand cannot read, change or end its members with any token until it is live again', async () => {
  const { memberRef } = (await rig.asBrand('aurora', 'POST', '/v1/members', contribution('s-1', { phone: newPhone() })))
    .body;
  const calls: [string, string, unknown?][] = [
    ['POST', '', contribution('s-2', { phone: newPhone() })],
    ['GET', ''],
    ['GET', `/${memberRef}`],
    ['PATCH', `/${memberRef}`, { attributes: { a: 'b' } }],
    ['GET', `/${memberRef}/consents`],
    ['POST', `/${memberRef}/consents`, (contribution('').consents as unknown[])[0]],
    ['DELETE', `/${memberRef}`],
  ];
  const verdicts = async (): Promise<string[]> => {
    const answers = [];
    for (const [method, rest, body] of calls) {
      const answer = await rig.asBrand('aurora', method, `/v1/members${rest}`, body, { 'if-match': '*' });
      answers.push(`${answer.status} ${answer.body?.code ?? ''}`.trim());
    }
    return answers;
  };
  await rig.brand('aurora', 'suspended');
  expect(await verdicts()).toEqual(calls.map(() => '403 brand_suspended'));
  await rig.brand('aurora', 'live');
  expect(await verdicts()).toEqual(['201', '200', '200', '200', '200', '201', '204']);
});
