export { allows } from './access.js';
export type { Access } from './access.js';
export { bearerToken } from './bearer.js';
export { CHALLENGE, PUBLIC_CONFIG, hasAuth, installAuth, setCaller } from './auth-hook.js';
export { AuthModule } from './auth.module.js';
export { BrandStandings, STANDSTILL_SCOPES } from './brand-standing.js';
export { callerName } from './caller.js';
export type { BrandCaller, Caller, InternalCaller, OperatorCaller } from './caller.js';
export { InternalClient, KEPT_IDLE_MS, isNotConnected } from './internal-client.js';
export type { Instances } from './internal-client.js';
export { drawInternalKey, internalKeyFault, publicPart } from './internal-key.js';
export { InternalTokens, internalToken } from './internal-token.js';
export type { RevokedClients } from './revocations.js';
export {
  BrandRoute,
  CallerBrand,
  CurrentCaller,
  InternalRoute,
  OperatorRoute,
  PublicRoute,
  accessOf,
  callerIn,
  callerOf,
  handlerOf,
  routeConfig,
} from './routes.js';
export type { RouteHandler } from './routes.js';
export { API_AUDIENCE, BRAND_SCOPES, OPERATOR_SCOPE } from './scopes.js';
export type { BrandScope, OperatorScope } from './scopes.js';
export { TokenVerifier } from './token-verifier.js';
export type { VerifierConfig } from './token-verifier.js';
