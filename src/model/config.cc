// What follows from a configuration alone.
#include "cobra/config.h"

namespace cobra {
namespace {

constexpr int kPooledGrid = 14;  // LDP projectors pool every grid to 14 x 14 (official code: TokenDownLayer)

bool pools(ProjectorType type) {
  return type == ProjectorType::ldpnet || type == ProjectorType::fused_ldpnet;
}

}  // namespace

int ModelConfig::image_tokens() const {
  if (towers.empty()) return 0;
  return pools(projector.type) ? kPooledGrid * kPooledGrid : towers.front().patches();
}

const char* name(ProjectorType type) {
  switch (type) {
    case ProjectorType::linear:
      return "linear";
    case ProjectorType::gelu_mlp:
      return "gelu-mlp";
    case ProjectorType::fused_gelu_mlp:
      return "fused-gelu-mlp";
    case ProjectorType::ldpnet:
      return "ldpnet";
    case ProjectorType::fused_ldpnet:
      return "fused-ldpnet";
  }
  return "unknown";
}

}  // namespace cobra
