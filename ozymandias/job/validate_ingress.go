package job

import "strings"

// validateIngress checks one way in, given those before it.
func (j Job) validateIngress(f *faults, path string, in Ingress, before Ingresses) {
	switch {
	case in.Host == "" && in.TCP == 0:
		f.add(path, "has neither host nor tcp: write the host whose requests it takes, or the port whose connections it takes")
	case in.Host != "" && in.TCP != 0:
		f.add(path, "has both host and tcp: write two, one with each")
	case in.TCP != 0:
		if in.TCP < 1 || in.TCP > 65535 {
			f.add(path+".tcp", "is %d; must be 1 to 65535", in.TCP)
		}
		if in.Path != "" {
			f.add(path+".path", "%q belongs to a host: connections have no path; remove it", in.Path)
		}
		if in.TLS != nil {
			f.add(path+".tls", "belongs to a host: connections are passed on as they are; remove it")
		}
	default:
		if why := badHost(in.Host); why != "" {
			f.add(path+".host", "%s", why)
		}
		if why := badURLPath(in.Path); why != "" {
			f.add(path+".path", "%s", why)
		}
		if t := in.TLS; t != nil {
			if (t.Secret == "") == !t.ACME {
				f.add(path+".tls", "write either the secret with the certificate, or acme: true")
			} else if why := badName(t.Secret); t.Secret != "" && why != "" {
				f.add(path+".tls.secret", "%s", why)
			}
		}
	}
	for i, other := range before {
		if in.Host != "" && in.Host == other.Host && in.Path == other.Path || in.TCP != 0 && in.TCP == other.TCP {
			f.add(path, "takes the same as ingress[%d]: remove one", i)
			break
		}
	}
	if _, exists := j.Containers[in.Container]; !exists {
		if in.Container == "" {
			f.add(path+".container", "is missing: write which one answers: %s", list(j.names()))
		} else {
			f.add(path+".container", "there is no container %q: write %s", in.Container, list(j.names()))
		}
	}
	port(f, path+".port", in.Port)
}

// badURLPath says what is wrong with the path of an ingress or a healthcheck.
func badURLPath(s string) string {
	switch {
	case !strings.HasPrefix(s, "/"):
		return quoted(s, "does not begin with /: write /"+strings.TrimSpace(s))
	case len(s) > 1024 || strings.ContainsFunc(s, control) || strings.Contains(s, " "):
		return quoted(s, "is too long, or has blanks or control characters: at most 1024 bytes, blanks as %20")
	}
	return ""
}
