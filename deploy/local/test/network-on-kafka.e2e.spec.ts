import { brokersUnderTest } from '#libs/testing';
import { contractChanges } from './contract-changes.js';
import { LocalNetwork } from './local-network.js';
import { referralExample } from './referral-example.js';
import { workedExample } from './worked-example.js';

(brokersUnderTest().includes('kafka') ? describe : describe.skip)('the network on Kafka', () => {
  let network: LocalNetwork;

  beforeAll(async () => {
    network = await LocalNetwork.start('kafka');
  }, 180_000);
  afterAll(() => network?.destroy());

  workedExample(() => network, 'postgres');
  referralExample(() => network);
  contractChanges(() => network);
});
