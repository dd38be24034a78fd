#!/bin/sh
# Trains the packaged default model from nothing, as engine/model/weights/maskloom-s.md describes.
# Usage: runs/train_default.sh DATA_DIR [MINUTES]
#   DATA_DIR holds coco/train, coco/val and coco-single (each with instances.json and images/).
# Run again after an interruption: it continues from the last checkpoint in runs/output/default.
set -eu
data=${1:?give the folder that holds coco/ and coco-single/}
minutes=${2:-95}
out=runs/output/default

# One torch thread a shard: on machines that others use too, torch's own threads spend their time waiting for each other.
export OMP_NUM_THREADS=1
maskloom train \
    --from-scratch --model maskloom-s \
    --data "$data/coco/train:0.5" --data "$data/coco-single:0.25" \
    --scenes 400 --scenes-weight 0.25 \
    --prototypes-until 0.2 --small-until 0.75 --shards 2 --minutes "$minutes" --seed 0 \
    --out "$out" --resume
maskloom evaluate --model "$out/maskloom-s.safetensors" --data "$data/coco/val" --grabcut
echo "To ship it: cp $out/maskloom-s.safetensors engine/model/weights/"
