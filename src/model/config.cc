// What follows from a configuration alone.
#include "cobra/config.h"

#include "lm/projector.h"

namespace cobra {

int ModelConfig::image_tokens() const {
  if (towers.empty()) return 0;
  return static_cast<int>(projector_tokens(projector.type, towers.front().patches()));
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
