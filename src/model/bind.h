// From a checked file to the structures the layers read. A tensor's name reaches its kernel here and nowhere
// else.
#pragma once

#include "cobra/config.h"
#include "lm/mamba.h"
#include "lm/projector.h"
#include "model/weight_store.h"
#include "vision/vit.h"

namespace cobra {

MambaWeights bind_mamba(const MambaConfig& config, WeightStore& store);
ProjectorWeights bind_projector(const ProjectorConfig& config, WeightStore& store);
VitWeights bind_tower(const TowerConfig& config, WeightStore& store);

}  // namespace cobra
