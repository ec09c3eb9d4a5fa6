import { expect, test } from "bun:test";
import { parseReference } from "../../../runtimes/docker/image-reference.ts";
import { classify } from "../../../runtimes/docker/pull.ts";

test.each([
  ["ubuntu", "ubuntu", "latest", "docker.io"],
  ["ubuntu:24.04", "ubuntu", "24.04", "docker.io"],
  ["library/ubuntu:24.04", "library/ubuntu", "24.04", "docker.io"],
  ["localhost/x", "localhost/x", "latest", "localhost"],
  ["127.0.0.1:5000/x", "127.0.0.1:5000/x", "latest", "127.0.0.1:5000"],
  ["127.0.0.1:5000/a/b:v1", "127.0.0.1:5000/a/b", "v1", "127.0.0.1:5000"],
  ["ghcr.example/a/b", "ghcr.example/a/b", "latest", "ghcr.example"],
  ["x@sha256:abc", "x", "sha256:abc", "docker.io"],
  ["r.example:1/x:tag@sha256:abc", "r.example:1/x", "sha256:abc", "r.example:1"],
])("%s is image %s, tag %s, of %s", (reference, name, tag, registry) => {
  expect(parseReference(reference)).toEqual({ name, tag, registry });
});

test.each([
  ["manifest for x:none not found: manifest unknown: manifest unknown", "imageNotFound"],
  ["pull access denied for x, repository does not exist or may require 'docker login'", "imageNotFound"],
  ["Head https://r.example/v2/x/manifests/1: no basic auth credentials", "authFailed"],
  ["unauthorized: authentication required", "authFailed"],
  ["Get https://r.example/v2/: dial tcp: lookup r.example: no such host", "imagePullFailed"],
  ["toomanyrequests: You have reached your pull rate limit", "imagePullFailed"],
] as const)("%p is told as %s, with the registry's words", (message, code) => {
  const error = classify("x:none", "r.example", message, false);
  expect(error.code).toBe(code);
  expect(error.message).toContain(message);
});
