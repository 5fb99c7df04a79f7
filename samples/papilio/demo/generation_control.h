// Silhouettes that steer the pictures.
#pragma once

#include "samples/papilio/demo/generation.h"
#include "samples/papilio/demo/generation_plan.h"

namespace papilio::demo {

// Trains a control and an adapter on the UNet on shapes in any place and size with their
// silhouettes, writes both below options.out, and measures pictures steered by silhouettes that it
// has not seen, beside those without a control and those of a control that has learned nothing.
// Empty if a signal came.
ControlResults learn_control(const GenerationStage& stage);

}  // namespace papilio::demo
