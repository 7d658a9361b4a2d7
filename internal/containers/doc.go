// Package containers looks at how a deployment's images are built and its containers are started, for an
// audit: Dockerfiles with their .dockerignore, compose files, manifests of Kubernetes, and the containers
// that run, by Docker's own API. It implements audit.ContainerSource.
//
// It builds nothing, starts nothing and only reads. No secret leaves it: what leaves it are the places of
// secrets, and the names of settings.
package containers
