// Command bare is the least that a program with Cobra is: the bench compares start-ups with it.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{Use: "bare"}
	root.AddCommand(&cobra.Command{Use: "version", Run: func(cmd *cobra.Command, _ []string) {
		fmt.Fprintln(cmd.OutOrStdout(), "bare")
	}})
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}
