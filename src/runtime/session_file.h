// A session on disk: a safetensors file with conv_state, ssm_state and logits, each one row of values in the
// order of the layouts below, and in its metadata the format's version, the model's fingerprint and the
// position.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "cobra/config.h"

namespace cobra {

struct SessionFile {
  uint64_t fingerprint = 0;
  int64_t position = 0;
  std::vector<float> conv;    // [n_layer, d_inner, d_conv]
  std::vector<float> ssm;     // [n_layer, d_inner, d_state]
  std::vector<float> logits;  // [vocab_size]
};

void write_session_file(AtomicFile& file, const SessionFile& session);
/// Throws Error for a file that is not a session, is of another version or another model, or has wrong
/// shapes.
SessionFile read_session_file(const std::string& path, const MambaConfig& config, uint64_t fingerprint);

/// Whether a file is a session of this or a newer format, of whatever model.
bool is_session_file(const std::string& path);

}  // namespace cobra
