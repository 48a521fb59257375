package swarms

import (
	"context"

	authentication "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/types"
)

// podUID is who a token is bound to, as the API server knows it: k8s.io/apiserver/pkg/authentication/serviceaccount.PodUIDKey.
const podUID = "authentication.kubernetes.io/pod-uid"

// whoAmI is the UID of the pod that this process is in, "" if it is in none. Where the API server does not say it is not insisted on:
// then a worker that was started again waits for its former lease.
func (d *Door) whoAmI(ctx context.Context) types.UID {
	d.known.Do(func() {
		var me authentication.SelfSubjectReview
		if err := d.Client.Create(ctx, &me); err != nil {
			return
		}
		if uid := me.Status.UserInfo.Extra[podUID]; len(uid) == 1 {
			d.pod = types.UID(uid[0])
		}
	})
	return d.pod
}
