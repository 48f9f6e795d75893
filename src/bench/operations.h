// How much arithmetic the matrix products of a model are: what its speed is measured against.
#pragma once

#include "cobra/config.h"

namespace cobra::bench {

/// Operations (a product and a sum are two) of the matrix products for one token of a prompt, the head left
/// out.
double prompt_token_operations(const MambaConfig& config);
/// Of the head, for one position.
double head_operations(const MambaConfig& config);
/// Of the towers and the projector for one picture: the blocks that are run, attention among them.
double picture_operations(const ModelConfig& config);

}  // namespace cobra::bench
