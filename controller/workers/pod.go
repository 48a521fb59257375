package workers

import (
	"cmp"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"teamtask.dev/api/v1alpha1"
)

// What is added to a pod.
const (
	installer = "teamtask-install" // the container that puts the program into the volume
	binVolume = "teamtask-bin"
	tmpVolume = "teamtask-tmp"
	binPath   = "/teamtask-bin"
	tmpPath   = "/teamtask-tmp"
	program   = binPath + "/teamtask"
	binSize   = "256Mi" // room enough for the program: less than 100 MB

	// nobody is who the installer is where the pod's containers are root.
	nobody int64 = 65532
)

// podOf is the user's pod with the teamtask program in its first container.
func podOf(list *v1alpha1.Worklist, image string) corev1.PodTemplateSpec {
	pod := *list.Spec.Workers.Template.DeepCopy()
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[listLabel] = labelOf(list.Name)
	s := &pod.Spec
	s.RestartPolicy = cmp.Or(s.RestartPolicy, corev1.RestartPolicyOnFailure) // in place: the worker keeps its name, and blocks
	s.ServiceAccountName = cmp.Or(s.ServiceAccountName, s.DeprecatedServiceAccount, accountName(list.Name))
	s.DeprecatedServiceAccount = ""
	if len(s.Containers) == 0 {
		return pod // the API server says what is missing
	}
	work := &s.Containers[0]
	s.InitContainers = slices.Insert(s.InitContainers, 0, installerOf(s, image))
	s.Volumes = append(s.Volumes, corev1.Volume{Name: binVolume,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse(binSize))}}})
	work.VolumeMounts = append(work.VolumeMounts, corev1.VolumeMount{Name: binVolume, MountPath: binPath, ReadOnly: true})

	slots := strconv.Itoa(int(max(1, list.Spec.Workers.Slots)))
	work.Command = slices.Concat([]string{program, "work", "--kube", list.Name, "-j", slots, "--"}, work.Command, work.Args)
	work.Args = nil
	work.TerminationMessagePolicy = cmp.Or(work.TerminationMessagePolicy, corev1.TerminationMessageFallbackToLogsOnError) // what keeps it from working reaches the list's condition
	// First, so that the user's own may refer to them.
	work.Env = slices.Concat([]corev1.EnvVar{
		fromField("TEAMTASK_WORKER", "metadata.name"),
		fromField("TEAMTASK_NAMESPACE", "metadata.namespace"),
	}, slices.DeleteFunc(work.Env, func(e corev1.EnvVar) bool { return e.Name == "TEAMTASK_WORKER" || e.Name == "TEAMTASK_NAMESPACE" }))
	giveTemporaryFiles(s, work)
	return pod
}

// installerOf is the container that puts the program into its volume. It is fit for the strictest namespace, and asks for no
// more than the container that works does, so that the pod's quality of service, and its quota, stay what they are.
func installerOf(pod *corev1.PodSpec, image string) corev1.Container {
	secure := &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		ReadOnlyRootFilesystem:   new(true),
		RunAsNonRoot:             new(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	// Otherwise it is the image's own user, or one that a platform gives to each namespace.
	if p := pod.SecurityContext; p != nil && p.RunAsUser != nil && *p.RunAsUser == 0 {
		secure.RunAsUser = new(nobody)
	}
	of := pod.Containers[0].Resources
	return corev1.Container{
		Name:            installer,
		Image:           image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Args:            []string{"install", program},
		Resources:       corev1.ResourceRequirements{Requests: common(of.Requests), Limits: common(of.Limits)},
		VolumeMounts:    []corev1.VolumeMount{{Name: binVolume, MountPath: binPath}},
		SecurityContext: secure,
	}
}

// common are the resources that any container has: the installer needs no GPU.
func common(of corev1.ResourceList) corev1.ResourceList {
	var out corev1.ResourceList
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		if q, ok := of[name]; ok {
			if out == nil {
				out = corev1.ResourceList{}
			}
			out[name] = q
		}
	}
	return out
}

// giveTemporaryFiles gives the worker, which writes its commands' output to files, a directory for them: an image may have no
// /tmp, or one that is read-only. A pod that sees to it itself keeps its own.
func giveTemporaryFiles(pod *corev1.PodSpec, work *corev1.Container) {
	if slices.ContainsFunc(work.Env, func(e corev1.EnvVar) bool { return e.Name == "TMPDIR" }) ||
		slices.ContainsFunc(work.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == "/tmp" }) {
		return
	}
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: tmpVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	work.VolumeMounts = append(work.VolumeMounts, corev1.VolumeMount{Name: tmpVolume, MountPath: tmpPath})
	work.Env = append(work.Env, corev1.EnvVar{Name: "TMPDIR", Value: tmpPath})
}

func fromField(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}
