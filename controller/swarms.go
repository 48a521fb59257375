package controller

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"teamtask.dev/controller/assignments"
	"teamtask.dev/controller/pools"
	"teamtask.dev/controller/swarms"
)

// setUpSwarms has the manager run the controllers of Swarms.
func setUpSwarms(mgr ctrl.Manager, each func() controller.Options) error {
	shared := &swarms.Reconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder("teamtask-swarms")}
	if err := shared.SetupWithManager(mgr, each()); err != nil {
		return fmt.Errorf("set up the controller of swarms: %w", err)
	}
	run := &assignments.Reconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder("teamtask-assignments")}
	if err := run.SetupWithManager(mgr, each()); err != nil {
		return fmt.Errorf("set up the controller of assignments: %w", err)
	}
	members := &pools.Reconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder("teamtask-pools")}
	if err := members.SetupWithManager(mgr, each()); err != nil {
		return fmt.Errorf("set up the controller of pools: %w", err)
	}
	return nil
}
