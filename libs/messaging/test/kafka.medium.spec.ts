import { brokersUnderTest } from '#libs/testing';
import { conformance } from './conformance.js';

if (brokersUnderTest().includes('kafka')) conformance('kafka');
else it('Kafka is ruled out by HEZONG_TEST_BROKER', () => undefined);
