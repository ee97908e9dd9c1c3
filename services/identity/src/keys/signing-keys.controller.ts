import { Controller, Get, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, OperatorRoute } from '#libs/auth';
import type { Caller } from '#libs/auth';
import { ApiAnswer, ApiProblems } from '#libs/http';
import { operatorClient } from '../clients/operator-client.js';
import { SIGNING_KEYS } from './signing-keys.answers.js';
import { OAuthServer } from '../oauth/oauth-server.service.js';
import { keyView } from './signing-key.js';
import { SigningKeysService } from './signing-keys.service.js';
import type { SigningKeysView } from './signing-keys.answers.js';

@ApiTags('signing keys')
@Controller('v1/operator/signing-keys')
export class SigningKeysController {
  constructor(
    @Inject(SigningKeysService) private readonly keys: SigningKeysService,
    @Inject(OAuthServer) private readonly oauth: OAuthServer,
  ) {}

  @Get()
  @OperatorRoute()
  @ApiAnswer(200, SIGNING_KEYS)
  @ApiOperation({ summary: 'Keys that are published now' })
  async list(): Promise<SigningKeysView> {
    return { data: (await this.keys.published()).map(keyView) };
  }

  @Post('rotations')
  @OperatorRoute()
  @ApiAnswer(201, SIGNING_KEYS)
  @ApiOperation({ summary: 'Let the next key sign, retire the current one, publish a new next one' })
  @ApiProblems('second_person_needed', 'approvals_too_many')
  async rotate(@CurrentCaller() caller: Caller): Promise<SigningKeysView> {
    const keys = await this.keys.rotate(operatorClient(caller));
    await this.oauth.reload();
    return { data: keys.map(keyView) };
  }
}
