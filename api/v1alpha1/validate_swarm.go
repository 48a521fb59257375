package v1alpha1

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Bounds of a Swarm's values, as its schema has them.
const (
	maxReplicas      = 100_000
	maxNames         = 10_000
	maxList          = 4096
	maxWorkloadName  = 253
	maxWeight        = 1_000_000_000
	maxRequires      = 16
	maxVersionPath   = 1024
	minAcknowledging = time.Second
	minSwarmLease    = 2 * time.Second
)

// workloadName is the pattern of the name of a workload: no control characters, and no space at its ends.
var workloadName = regexp.MustCompile(`^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$`)

var versionPath = regexp.MustCompile(`^/[!-~]*$`)

// Complete checks the whole. The error is a *FieldError.
func (s *Swarm) Complete() error {
	if s.APIVersion != APIVersion {
		return invalid("apiVersion", "is %q; must be %q", s.APIVersion, APIVersion)
	}
	if s.Kind != SwarmKind {
		return invalid("kind", "is %q; must be %q", s.Kind, SwarmKind)
	}
	if problems := validation.IsDNS1123Label(s.Name); len(problems) > 0 {
		return invalid("metadata.name", "%q: lower-case letters, digits and - only, beginning and ending with a letter or digit, 63 at most, as Assignments are named SWARM.WORKER", s.Name)
	}
	return s.Spec.validate()
}

func (s *SwarmSpec) validate() error {
	if n := s.Replicas; n != nil && (*n < 0 || *n > maxReplicas) {
		return invalid("spec.replicas", "is %d; must be 0 to %d", *n, maxReplicas)
	}
	if s.Replicas != nil && s.Pool == nil {
		return invalid("spec.replicas", "scales a pool: name one (spec.pool)")
	}
	if s.Capacity < 0 || s.Capacity > maxWeight {
		return invalid("spec.capacity", "is %d; must be 0 (no bound) to %d", s.Capacity, maxWeight)
	}
	for _, f := range []func() error{s.validatePool, s.validateRefresh, s.Workloads.validate, s.Handover.validate} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// validatePool is about the pods of a Swarm on Kubernetes. Where there are none they are ignored.
func (s *SwarmSpec) validatePool() error {
	if s.Pool == nil {
		return nil
	}
	if k := s.Pool.Kind; k != "StatefulSet" && k != "Deployment" {
		return invalid("spec.pool.kind", "is %q; must be StatefulSet or Deployment", k)
	}
	if len(validation.IsDNS1123Subdomain(s.Pool.Name)) > 0 {
		return invalid("spec.pool.name", nameRule, s.Pool.Name)
	}
	return nil
}

// validateRefresh is about programs that do not watch, which there are on Kubernetes only.
func (s *SwarmSpec) validateRefresh() error {
	if s.ConfigMap != "" && len(validation.IsDNS1123Subdomain(s.ConfigMap)) > 0 {
		return invalid("spec.configMap", nameRule, s.ConfigMap)
	}
	if v := s.VersionFrom; v != nil {
		switch {
		case v.Port < 1 || v.Port > 65535:
			return invalid("spec.versionFrom.port", "is %d; must be 1 to 65535", v.Port)
		case v.Path != "" && (len(v.Path) > maxVersionPath || !versionPath.MatchString(v.Path)):
			return invalid("spec.versionFrom.path", "is %q; must begin with / and have no spaces, %d characters at most", v.Path, maxVersionPath)
		}
	}
	switch s.Refresh {
	case "", RefreshWatch:
		if s.VersionFrom != nil {
			return invalid("spec.versionFrom", "is asked for where refresh is Reload: workers that watch say by themselves what they run; leave it out, or choose Reload")
		}
		return nil
	case RefreshReload, RefreshRestart:
	default:
		return invalid("spec.refresh", "is %q; must be Watch, Reload or Restart", s.Refresh)
	}
	switch {
	case s.ConfigMap == "":
		return invalid("spec.configMap", "is needed where refresh is Reload or Restart: programs that do not watch read their part there")
	case s.Pool == nil:
		return invalid("spec.pool", "is needed where refresh is Reload or Restart: what is touched or restarted are its pods")
	case s.Refresh == RefreshRestart && s.Pool.Kind != "StatefulSet":
		return invalid("spec.pool.kind", "must be StatefulSet where refresh is Restart: a pod of a Deployment comes back under another name, and so as another worker; choose Watch or Reload for it")
	case s.Refresh == RefreshReload && s.VersionFrom == nil:
		return invalid("spec.versionFrom", "is needed where refresh is Reload: only the pods can tell when they have read their part")
	}
	return nil
}

func (w *WorkloadSources) validate() error {
	if n := len(w.Names); n > maxNames {
		return invalid("spec.workloads.names", "has %d; must be %d at most", n, maxNames)
	}
	if n := len(w.List); n > maxList {
		return invalid("spec.workloads.list", "has %d; must be %d at most", n, maxList)
	}
	if m := w.ConfigMaps; m != nil && len(m.MatchLabels)+len(m.MatchExpressions) == 0 {
		return invalid("spec.workloads.configMaps", "is empty, and would select every ConfigMap of the namespace, kube-root-ca.crt among them: say which, as in matchLabels: {swarm: NAME}")
	}
	at := map[string]int{}
	for i, name := range w.Names {
		if err := validateName("spec.workloads.names", "", name, at, i); err != nil {
			return err
		}
	}
	named := maps.Clone(at)
	clear(at)
	for i := range w.List {
		const list = "spec.workloads.list"
		x, field := &w.List[i], fmt.Sprintf("%s[%d]", list, i)
		if err := validateName(list, ".name", x.Name, at, i); err != nil {
			return err
		}
		if first, twice := named[x.Name]; twice {
			return invalid(field+".name", "is %q, as is spec.workloads.names[%d]; take one of them out, or rename it", x.Name, first)
		}
		if x.Weight < 0 || x.Weight > maxWeight {
			return invalid(field+".weight", "is %d; must be 1 to %d, or 0 for 1", x.Weight, maxWeight)
		}
		if n := len(x.Requires); n > maxRequires {
			return invalid(field+".requires", "has %d labels; must be %d at most", n, maxRequires)
		}
		if err := CheckLabels(field+".requires", x.Requires); err != nil {
			return err
		}
	}
	return nil
}

// validateName checks the name of the workload at a place of a list, and that it comes once in it: at is where others are.
func validateName(list, member, name string, at map[string]int, i int) error {
	field := fmt.Sprintf("%s[%d]%s", list, i, member)
	if utf8.RuneCountInString(name) > maxWorkloadName || !workloadName.MatchString(name) {
		return invalid(field, "is %q; must have 1 to %d characters, none of them a control character, and no space at its ends", name, maxWorkloadName)
	}
	if first, twice := at[name]; twice {
		return invalid(field, "is %q, as is %s[%d]%s; take one of them out, or rename it", name, list, first, member)
	}
	at[name] = i
	return nil
}

// CheckLabels tells what is wrong with a worker's labels, or with those that a workload requires: they are those of Kubernetes' pods.
// The error is a *FieldError.
func CheckLabels(field string, labels map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if len(validation.IsQualifiedName(key)) > 0 {
			return invalid(field, "%q is no name of a label: 1 to 63 letters, digits, -, _ and ., beginning and ending with a letter or digit, with a DNS name and / before it or not", key)
		}
		if len(validation.IsValidLabelValue(labels[key])) > 0 {
			return invalid(field, "%s is %q; a label's value has 63 letters, digits, -, _ and . at most, beginning and ending with a letter or digit", key, labels[key])
		}
	}
	return nil
}

func (h *HandoverPolicy) validate() error {
	switch h.Mode {
	case "", HandoverSafe, HandoverAvailable:
	default:
		return invalid("spec.handover.mode", "is %q; must be Safe or Available", h.Mode)
	}
	for _, f := range []struct {
		field string
		value *metav1.Duration
		least time.Duration
	}{
		{"spec.handover.timeout", h.Timeout, minAcknowledging}, {"spec.handover.lease", h.Lease, minSwarmLease}, {"spec.handover.patience", h.Patience, 0},
	} {
		if f.value != nil && f.value.Duration < f.least {
			return invalid(f.field, "is %s; must be at least %s", f.value.Duration, f.least)
		}
	}
	return nil
}
