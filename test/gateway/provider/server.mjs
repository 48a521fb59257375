// An OpenID provider for tests: whoever knows the client's secret is given an ID token for any user, with any groups.
//
//   node server.mjs PORT CERTIFICATE KEY
//
// PORT 0 is any that is free. Its first line on standard output is its issuer URL. It ends with its standard input.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import Provider from 'oidc-provider';

const [port, certificate, key] = process.argv.slice(2);
const server = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
await new Promise((listening) => server.listen(Number(port), '127.0.0.1', listening));
const issuer = `https://127.0.0.1:${server.address().port}`;

const client = (id) => ({
  client_id: id, client_secret: 'secret', token_endpoint_auth_method: 'client_secret_post',
  grant_types: ['password'], response_types: [], redirect_uris: [],
});
const signing = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const provider = new Provider(issuer, {
  clients: [client('teamtask'), client('another')],
  claims: { openid: ['sub', 'groups', 'email', 'email_verified'] },
  conformIdTokenClaims: false, // all claims are in the ID token
  ttl: { IdToken: (ctx) => Number(ctx.oidc.params.lifetime ?? 3600) },
  jwks: { keys: [{ ...signing, use: 'sig', alg: 'RS256', kid: randomUUID() }] },
  cookies: { keys: ['none are set'] },
  features: { devInteractions: { enabled: false } },
});

// The grant of RFC 6749, section 4.3, without a password.
provider.registerGrantType('password', async (ctx) => {
  const { username, claims } = ctx.oidc.params;
  const token = new provider.IdToken({ sub: username, ...JSON.parse(claims ?? '{}') }, { ctx });
  token.scope = 'openid';
  ctx.body = { id_token: await token.issue({ use: 'idtoken' }), token_type: 'Bearer', access_token: 'none' };
}, ['username', 'claims', 'lifetime']);

server.on('request', provider.callback());
console.log(issuer);
process.stdin.on('end', () => process.exit(0)).resume();
