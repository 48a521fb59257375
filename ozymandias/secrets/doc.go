// Package secrets keeps values that stand in no job file: passwords, tokens, certificates with their keys.
//
// # The cluster's
//
// They are records in etcd, sealed with AES-256-GCM by a key that all nodes have on their disks and that etcd never sees. Who reads
// etcd, its disk or a backup learns names, lengths and times, and no value.
//
//	secrets/NAME   {version, changed, key, sealed}
//
// A value is sealed together with its name and version, so whoever can write in etcd cannot pass one off for another. They can put back an
// older one of the same name, or remove it. The record says by which key it was sealed, so that a wrong one is not mistaken for damage. Keys
// cannot be changed yet: a new one means to put every secret again.
//
// # Vault's
//
// A job may name a value in HashiCorp's Vault instead: a path, a key in it, and a role. The node logs in by its certificate, which the
// cluster's authority has signed (Vault's TLS certificate auth method), so that there is no first secret to be handed to nodes. For a
// role that is to read what job "webapp" needs, Vault is told once:
//
//	vault auth enable cert
//	vault policy write webapp - <<< 'path "secret/data/webapp" { capabilities = ["read"] }'
//	vault write auth/cert/certs/webapp certificate=@ca.pem allowed_dns_sans=node.ozymandias.internal token_policies=webapp token_ttl=1m
//
// The name is in the certificates of nodes and in no other that the authority signs. So it is the nodes that Vault trusts, with what any
// job asks for by any role; who may apply jobs can read what those roles can. The values are read each time that an instance starts, from
// both versions of the key-value engine; a value changed in Vault is seen from the next start on. What Vault makes anew for each reader and
// takes back after a while, such as users of databases, is refused, since nobody would renew it.
package secrets
