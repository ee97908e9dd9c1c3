import { aBrand, aContract, aMember } from '#libs/testing';
import { Client, newBrand } from './client.js';
import type { LocalNetwork } from './local-network.js';

/** Acts that need two people through the gateway, with the clients of a new network. */
export function twoPeople(network: () => LocalNetwork): void {
  describe('acts that need two people', () => {
    it('wait for the second client, are done once and remain on record', async () => {
      const { sandbox } = network();
      const [first, second] = [new Client(sandbox, sandbox.operator), new Client(sandbox, sandbox.operator.second)];
      const brand = await newBrand(first, sandbox, aBrand('twain'), aContract());
      const { memberRef } = await brand.ok('POST', '/v1/members', aMember('twain-1', { phone: '+8613800147001' }));
      const grant = {
        externalId: 'twain-1',
        memberRef,
        source: 'manual',
        rank: 1,
        to: '2099-01-01T00:00:00Z',
        reason: 'r',
      };
      const make = () => first.call('POST', '/v1/operator/tier-grants', grant);
      const asked = await make();
      expect([asked.status, asked.body.code]).toEqual([403, 'second_person_needed']);
      const { approval, payloadHash } = asked.body as { approval: string; payloadHash: string };
      const approve = (who: Client) => who.call('POST', `/v1/operator/approvals/${approval}/approve`, { payloadHash });
      expect((await approve(first)).body.code).toBe('maker_is_checker');
      const { data } = await second.ok('GET', '/v1/operator/approvals?state=pending');
      expect(data).toContainEqual(expect.objectContaining({ id: approval, act: 'tier_grant.create', payloadHash }));
      expect((await approve(second)).status).toBe(200);
      const made = await make();
      expect([made.status, made.body.approvedBy]).toEqual([201, `client:${sandbox.operator.second.clientId}`]);
      expect((await make()).headers.get('idempotency-replayed')).toBe('true');
      expect((await first.ok('GET', `/v1/operator/approvals/${approval}`)).state).toBe('used');
      const path = `/v1/operator/approvals/${approval}`;
      const record = await second.ok('GET', `/v1/operator/audit?method=POST&path=${path}`);
      expect(record.data.map(({ status }: { status: number }) => status)).toEqual([200, 403]);
    });
  });
}
