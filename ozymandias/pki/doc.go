// Package pki is how the machines of a cluster know each other: a certificate authority of the cluster's own, certificates for nodes and
// for admins, and the token with which a new machine joins.
//
// # Who may do what
//
// A certificate's organisation says what its holder is ([Role]). A node's can do everything: nodes write what all of them run, so one that
// is not to be trusted is lost anyway, and nothing is kept from it; each holds the authority's key and so renews its certificate and
// admits others without asking anybody. An admin's is for the API alone: it lacks the host name that etcd asks of all who connect
// ([NodeHost]).
//
// Not the certificate, but its holder's record says whether it is still to be believed: the API refuses a node that is none of the
// cluster's any more, and an admin whose certificate was deleted, or never recorded. etcd does not know these records. Who has, or had, a node's
// keys reaches it until they are changed, which takes a new cluster: so a node that was stolen is a reason to found one.
//
// # Joining
//
// A machine that joins knows nothing but an address and a token. The token holds the hash of the authority's certificate, by which the
// machine knows that it talks to a node of the right cluster before it says anything ([Token.TLS]), and a secret, by which the cluster
// then knows the machine. kubeadm and k3s do the same.
package pki
