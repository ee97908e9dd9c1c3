import { brokersUnderTest } from '#libs/testing';
import { contractChanges } from './contract-changes.js';
import { erasureTraces } from './erasure-traces.js';
import { everyRoute } from './every-route.js';
import { hostileCalls } from './hostile-calls.js';
import { isolation } from './isolation.js';
import { joins } from './joins.js';
import { liveAnswers, LiveAnswers } from './live-answers.js';
import { LocalNetwork } from './local-network.js';
import { parallelCaptures } from './parallel-captures.js';
import { ranksInTime } from './ranks-in-time.js';
import { ranksOfRealOrders } from './ranks-of-real-orders.js';
import { referralExample } from './referral-example.js';
import { shutDoors } from './shut-doors.js';
import { twoPeople } from './two-people.js';
import { workedExample } from './worked-example.js';

describe('the network on the postgres event log', () => {
  let network: LocalNetwork;
  const answers = new LiveAnswers();

  beforeAll(async () => {
    network = await LocalNetwork.start('postgres');
    answers.watch();
  }, 180_000);
  afterAll(() => network?.destroy());

  workedExample(() => network, brokersUnderTest().includes('kafka') ? 'kafka' : null);
  isolation(() => network);
  shutDoors(() => network);
  twoPeople(() => network);
  parallelCaptures(() => network);
  erasureTraces(() => network);
  referralExample(() => network);
  ranksOfRealOrders(() => network);
  joins(() => network);
  ranksInTime(() => network);
  contractChanges(() => network);
  everyRoute(
    () => network,
    () => answers,
  );
  hostileCalls(() => network);
  liveAnswers(() => answers);
});
