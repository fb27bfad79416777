#!/bin/sh
# SPDX-License-Identifier: MIT
# figures.sh LUGE: draws docs/theory/figures and docs/figures anew with the command LUGE.
set -eu
luge=${1:?"usage: tools/figures.sh PATH_OF_LUGE"}
to=$(dirname "$0")/../docs/theory/figures
hill="expr:0.5*(1-x)^2+(y-x^2)^2"
bowl="expr:0.5*(x^2+5*y^2)"
mkdir -p "$to"

draw() { # NAME arguments
    name=$1
    shift
    "$luge" flow "$@" --plot "$to/$name.svg" > /dev/null
}

draw ball --problem "$bowl" --at 1,1 --momentum 0.9 --lr 0.03125 --time 2 --halvings 5 --models rescaled,second_order
draw rescaled --problem "$hill" --at=-0.5,1 --momentum 0.5 --lr 0.03125 --time 1 --models rescaled
draw second_order --problem "$hill" --at=-0.5,1 --momentum 0.5 --lr 0.015625 --time 1 \
    --models rescaled,second_order,second_order:central
draw modified --problem "$hill" --at=-0.5,1 --momentum 0.5 --lr 0.03125 --time 1 --models rescaled,modified,composite
draw manifold --problem "$hill" --at=-0.5,1 --momentum 0.5 --lr 0.015625 --time 1 \
    --models manifold:1,manifold:2,manifold:3
draw series --problem "$hill" --at=-0.5,1 --momentum 0.5 --lr 0.015625 --time 1 --start prepared \
    --models series:1,series:2,series:3,series:4
draw auto --problem "$hill" --at=-0.5,0.6 --method adamw --set beta1=0.8 --set beta2=0.9 --set eps=0.05 \
    --set eps_at=inside --set weight_decay=0.3 --lr 0.0078125 --time 0.5 --start prepared --models auto

"$luge" analyze nesterov --momentum 0.9 --lr 1 --plot "$to/nesterov.svg" > /dev/null
"$luge" analyze fsgdm --step 390,11700,58500,117000 --plot "$to/stages.svg" > /dev/null

figures=$to/../../figures
mkdir -p "$figures"
"$luge" sample ghvb --order 3.8 --steps 10 --halvings 5 --to 0.05 --count 4000 --plot "$figures/samples.svg" > /dev/null
"$luge" sample ghvb --order 1.8 --stability --plot "$figures/stability.svg" > /dev/null
"$luge" federate fedavg fedcm ghbm localghbm fedhbm --lr 0.05 --equal-step --beta 0.9 --seeds 12 --rounds 600 \
    --plot "$figures/federated.svg" > /dev/null
