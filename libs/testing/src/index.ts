export { aBrand, aContract, aMember, anEarningRule, anOrder, somePhone } from './builders.js';
export { brokersUnderTest, testBroker, type BrokerKind, type TestBroker } from './broker.js';
export { testClock } from './clock.js';
export { expectInvariants, invariants, type InvariantsReport } from './invariants.js';
export { callerOf } from './internal-caller.js';
export { testServers, type TestServers } from './servers.js';
export { emptyDatabase, testDatabase, type TestDatabase } from './database.js';
export { testTokens, type TestTokens } from './tokens.js';
export { certificateAuthority, type Certificate, type CertificateAuthority } from './certificates.js';
