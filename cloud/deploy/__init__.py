"""What brings the cloud onto servers: image, compose file, Kubernetes manifests, and what makes their material."""
